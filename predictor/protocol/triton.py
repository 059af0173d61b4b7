"""What Triton's streaming clients add to the protocol: how a request's last response is known.

https://github.com/triton-inference-server/server, docs/user_guide/decoupled_models.md
"""

from typing import Final

from google.protobuf.message import Message
from kserve.protocol.infer_type import InferRequest

from predictor.errors import InvalidRequest
from predictor.protocol.messages import ModelInferResponse, ModelStreamInferResponse
from predictor.protocol.wording import quote

EMPTY_FINAL: Final = "triton_enable_empty_final_response"
FINAL: Final = "triton_final_response"


def take_empty_final(request: InferRequest) -> bool:
    """Take the parameter out of a stream's request; whether an empty response is to be its last.

    Raises InvalidRequest unless it is a bool.
    """
    wanted = (request.parameters or {}).pop(EMPTY_FINAL, False)
    if not isinstance(wanted, bool):
        raise InvalidRequest(f"{EMPTY_FINAL} is {quote(wanted)}, must be true or false")
    return wanted


def encode_stream(response: Message, *, empty_final: bool) -> list[Message]:
    """Return the messages for one ModelInferResponse, which says whether it is the last.

    With ``empty_final`` the last becomes two, of which the second says so and has no outputs.
    """
    messages = [ModelStreamInferResponse(infer_response=response)]
    if empty_final and response.parameters[FINAL].bool_param:
        messages[0].infer_response.parameters[FINAL].bool_param = False
        last = ModelInferResponse(
            model_name=response.model_name, model_version=response.model_version, id=response.id
        )
        messages.append(_final(last))
    return messages


def encode_stream_error(message: str, request_id: str) -> Message:
    """Return the message that ends a request which failed, as its last response."""
    error = _final(ModelInferResponse(id=request_id))
    error.error_message = message
    return error


def _final(response: Message) -> Message:
    response.parameters[FINAL].bool_param = True
    return ModelStreamInferResponse(infer_response=response)
