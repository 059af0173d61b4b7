"""Inputs and outputs of an infer request: members, shapes, datatypes, data, ids."""

from typing import Any

from tests.predictor.server.corpus.rest import PROMPT, TEXT, asking, bad, infer, only, tensor

DATATYPES = "BOOL, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, FP32, FP64, BYTES"
INPUT = "input 'text_input'"
KNOWN = (
    "known: text_input, messages, max_tokens, min_tokens, temperature, top_p, top_k, min_p, seed"
)


def text(**members: Any) -> bytes:
    """Return a request whose one input has these members in place of the usual ones."""
    return only({**TEXT, **members})


def without(name: str) -> bytes:
    return only({key: value for key, value in TEXT.items() if key != name})


def inputs(value: Any) -> bytes:
    return infer({"inputs": value})


INPUTS = bad(
    {
        "inputs missing": (infer({"id": "a"}), "the body has no inputs"),
        "inputs null": (inputs(None), "the body: inputs is null, leave it out instead"),
        "inputs an object": (inputs(TEXT), "inputs is an object, must be a list"),
        "inputs a string": (inputs(PROMPT), "inputs is a string, must be a list"),
        "inputs a number": (inputs(1), "inputs is a number, must be a list"),
        "inputs true": (inputs(True), "inputs is a boolean, must be a list"),
        "inputs empty": (inputs([]), "inputs hold neither of text_input and messages, must hold"),
        "an input null": (inputs([None]), "inputs[0] is null, must be an object"),
        "an input a string": (inputs([PROMPT]), "inputs[0] is a string, must be an object"),
        "an input a number": (inputs([1]), "inputs[0] is a number, must be an object"),
        "an input a list": (inputs([[TEXT]]), "inputs[0] is a list, must be an object"),
        "an input empty": (inputs([{}]), "inputs[0] has no name"),
        "second input null": (inputs([TEXT, None]), "inputs[1] is null, must be an object"),
        "no name": (without("name"), "inputs[0] has no name"),
        "no shape": (without("shape"), "inputs[0] has no shape"),
        "no datatype": (without("datatype"), "inputs[0] has no datatype"),
        "no data": (without("data"), f"{INPUT} has neither of data and binary_data_size, must"),
        "name null": (text(name=None), "inputs[0]: name is null, leave it out instead"),
        "name a number": (text(name=1), "inputs[0]: name is a number, must be a string"),
        "name a list": (text(name=["a"]), "inputs[0]: name is a list, must be a string"),
        "name an object": (text(name={}), "inputs[0]: name is an object, must be a string"),
        "name true": (text(name=True), "inputs[0]: name is a boolean, must be a string"),
        "name empty": (text(name=""), f"unknown input '', {KNOWN}"),
        "name unknown": (text(name="prompt"), f"unknown input 'prompt', {KNOWN}"),
        "name of an output": (text(name="text_output"), f"unknown input 'text_output', {KNOWN}"),
        "name in capitals": (text(name="TEXT_INPUT"), f"unknown input 'TEXT_INPUT', {KNOWN}"),
        "name with a blank": (text(name="text_input "), f"unknown input 'text_input ', {KNOWN}"),
        "name of 100,000 letters": (text(name="x" * 100_000), "unknown input 'xxxxxxxxxxxxx"),
        "name beyond ASCII": (text(name="текст"), f"unknown input 'текст', {KNOWN}"),
        "name with line feeds": (text(name="a\r\nb: c"), r"unknown input 'a\r\nb: c', known"),
        "unknown member": (text(content=[PROMPT]), "inputs[0] has unknown member 'content', known"),
        "contents as in gRPC": (text(contents={}), "inputs[0] has unknown member 'contents', kno"),
        "the same input twice": (only(TEXT, TEXT), "input text_input is given twice"),
        "the same option twice": (
            asking(tensor("seed", [1], "INT64"), tensor("seed", [1], "INT64")),
            "input seed is given twice",
        ),
        "options alone": (
            only(tensor("seed", [1], "INT64")),
            "inputs hold neither of text_input and messages, must hold one",
        ),
        "both prompts": (
            asking(tensor("messages", ["[]"])),
            "inputs hold both of text_input and messages, must hold one",
        ),
        "65 inputs": (only(*[TEXT] * 65), "inputs has 65 entries, must have at most 64"),
        "parameters null": (
            text(parameters=None),
            "inputs[0]: parameters is null, leave it out instead",
        ),
        "parameters a string": (
            text(parameters="a"),
            f"{INPUT}: parameters is a string, must be an object",
        ),
        "parameters a list": (
            text(parameters=[]),
            f"{INPUT}: parameters is a list, must be an object",
        ),
        "unknown parameter": (
            text(parameters={"content_type": "str"}),
            "input text_input has unknown parameter 'content_type', must be left out",
        ),
        "shared memory": (
            text(parameters={"shared_memory_region": "a"}),
            "input text_input has unknown parameter 'shared_memory_region', must be left out",
        ),
        "65 parameters": (
            text(parameters={str(number): 1 for number in range(65)}),
            f"{INPUT}: parameters has 65 entries, must have at most 64",
        ),
    }
)


def shaped(shape: Any, words: str, data: Any = (PROMPT,)) -> tuple[bytes, str]:
    return text(shape=shape, data=data), words


def misshaped(shape: Any, spelled: str, data: Any = (PROMPT,)) -> tuple[bytes, str]:
    words = f"{INPUT} has shape {spelled}, must be [n] or [n,1] with n from 1 to 1024"
    return shaped(shape, words, data)


NO_INTEGERS = "with entries that are no integers"
SHAPES = bad(
    {
        "null": shaped(None, "inputs[0]: shape is null, leave it out instead"),
        "a number": shaped(1, f"{INPUT}: shape is a number, must be a list"),
        "a string": shaped("[1]", f"{INPUT}: shape is a string, must be a list"),
        "an object": shaped({}, f"{INPUT}: shape is an object, must be a list"),
        "empty": misshaped([], "[]"),
        "negative": misshaped([-1], "[-1]"),
        "two negatives": misshaped([-1, -1], "[-1, -1]"),
        "negative column": misshaped([1, -1], "[1, -1]"),
        "zero": misshaped([0], "[0]", []),
        "zero columns": misshaped([1, 0], "[1, 0]", []),
        "2^62": misshaped([2**62], "[4611686018427387904]"),
        "2^63": misshaped([2**63], "[9223372036854775808]"),
        "2^32 by 2^32": misshaped([2**32, 2**32], "[4294967296, 4294967296]"),
        "two columns": misshaped([1, 2], "[1, 2]", [PROMPT, PROMPT]),
        "a row": misshaped([1, 2], "[1, 2]", [[PROMPT, PROMPT]]),
        "three dimensions": misshaped([1, 1, 1], "[1, 1, 1]"),
        "1000 dimensions": misshaped([1] * 1000, "[1, 1, 1, 1, 1, 1, ...]"),
        "strings": misshaped(["1"], NO_INTEGERS),
        "the prompt": misshaped([PROMPT], NO_INTEGERS),
        "a float": misshaped([1.0], NO_INTEGERS),
        "half": misshaped([0.5], NO_INTEGERS),
        "true": misshaped([True], NO_INTEGERS),
        "null inside": misshaped([None], NO_INTEGERS),
        "a list inside": misshaped([[1]], NO_INTEGERS),
        "an object inside": misshaped([{}], NO_INTEGERS),
        "beyond 64 bits": misshaped([10**20], NO_INTEGERS),
        "column of true": misshaped([1, True], NO_INTEGERS),
        "column of a float": misshaped([1, 1.0], NO_INTEGERS),
        "1025 rows": misshaped([1025], "[1025]", [PROMPT] * 1025),
        "1025 rows of a column": misshaped([1025, 1], "[1025, 1]", [[PROMPT]] * 1025),
        "fewer elements": shaped([2], f"{INPUT} has shape [2], so 2 elements, but holds 1"),
        "more elements": shaped(
            [1], f"{INPUT} has shape [1], so 1 elements, but holds more", [PROMPT, PROMPT]
        ),
        "no elements": shaped([1], f"{INPUT} has shape [1], so 1 elements, but holds 0", []),
        "nested for a vector": shaped(
            [1], "row 0: text_input is a list, must be a string", [[PROMPT]]
        ),
        "ragged": shaped(
            [2, 1],
            f"{INPUT}: data[1] must be a list of 1 as its shape says",
            [[PROMPT], [PROMPT, PROMPT]],
        ),
        "half nested": shaped(
            [2, 1],
            f"{INPUT}: data[1] must be a list of 1 as its shape says",
            [[PROMPT], PROMPT],
        ),
        "an empty row": shaped(
            [1, 1], f"{INPUT}: data[0] must be a list of 1 as its shape says", [[]]
        ),
        "rows that differ": (
            asking(tensor("seed", [1, 2], "INT64")),
            "input seed has 2 rows, must have 1 as text_input has",
        ),
    }
)


def typed(datatype: Any, spelled: str) -> tuple[bytes, str]:
    return text(datatype=datatype), f"{INPUT} has datatype {spelled}, must be one of {DATATYPES}"


def option(name: str, datatype: str, value: Any, words: str) -> tuple[bytes, str]:
    return asking(tensor(name, [value], datatype)), words


INTEGERS = "INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64"
TYPES = bad(
    {
        "unknown": typed("STRING", "'STRING'"),
        "null": (text(datatype=None), "inputs[0]: datatype is null, leave it out instead"),
        "a number": typed(1, "1"),
        "true": typed(True, "true"),
        "a list": typed(["BYTES"], "['BYTES']"),
        "an object": typed({}, "{}"),
        "empty": typed("", "''"),
        "lower case": typed("bytes", "'bytes'"),
        "blank behind it": typed("BYTES ", "'BYTES '"),
        "FP16": typed("FP16", "'FP16'"),
        "BF16": typed("BF16", "'BF16'"),
        "as Triton's configuration has it": typed("TYPE_STRING", "'TYPE_STRING'"),
        "as numpy has it": typed("object", "'object'"),
        "a prompt of INT32": (
            text(datatype="INT32", data=[1]),
            "input text_input has datatype 'INT32', must be BYTES",
        ),
        "a chat of FP32": (
            only(tensor("messages", [1.0], "FP32")),
            "input messages has datatype 'FP32', must be BYTES",
        ),
        "a seed of FP32": option(
            *("seed", "FP32", 1.0),
            f"input seed has datatype 'FP32', must be one of {INTEGERS}",
        ),
        "a seed of BYTES": option("seed", "BYTES", "1", "input seed has datatype 'BYTES', must"),
        "a seed of BOOL": option("seed", "BOOL", True, "input seed has datatype 'BOOL', must be"),
        "a temperature of INT64": option(
            *("temperature", "INT64", 1),
            "input temperature has datatype 'INT64', must be one of FP32, FP64",
        ),
        "raw of INT8": option("raw", "INT8", 1, "input raw has datatype 'INT8', must be BOOL"),
        "stop of INT64": option(
            "stop", "INT64", 1, "input stop has datatype 'INT64', must be BYTE"
        ),
    }
)


def holding(data: Any, words: str) -> tuple[bytes, str]:
    return text(data=data), words


EDGES = {
    "INT8": (-(2**7) - 1, 2**7),
    "INT16": (-(2**15) - 1, 2**15),
    "INT32": (-(2**31) - 1, 2**31),
    "UINT8": (-1, 2**8),
    "UINT16": (-1, 2**16),
    "UINT32": (-1, 2**32),
    "INT64": (2**63, 2**64 - 1),
    "UINT64": (-1, -(2**63)),
}
DATA = bad(
    {
        "null": holding(None, "inputs[0]: data is null, leave it out instead"),
        "the prompt itself": holding(PROMPT, f"{INPUT}: data is a string, must be a list"),
        "a number": holding(1, f"{INPUT}: data is a number, must be a list"),
        "an object": holding({"0": PROMPT}, f"{INPUT}: data is an object, must be a list"),
        "true": holding(True, f"{INPUT}: data is a boolean, must be a list"),
        "null for text": holding([None], "row 0: text_input is null, must be a string"),
        "a number for text": holding([1], "row 0: text_input is a number, must be a string"),
        "true for text": holding([True], "row 0: text_input is a boolean, must be a string"),
        "an object for text": holding(
            [{"text": PROMPT}], "row 0: text_input is an object, must be a string"
        ),
        "an empty text": holding([""], "row 0: text_input is empty, must be at least 1 character"),
        "a second row empty": (
            only(tensor("text_input", [PROMPT, ""])),
            "row 1: text_input is empty, must be at least 1 character",
        ),
        "a second row a number": (
            only(tensor("text_input", [PROMPT, 1])),
            "row 1: text_input is a number, must be a string",
        ),
        "a string for INT32": option("seed", "INT32", "1", "row 0: seed is '1', must be INT32"),
        "true for INT8": option("seed", "INT8", True, "row 0: seed is true, must be INT8"),
        "a float for INT64": option("seed", "INT64", 1.0, "row 0: seed is 1.0, must be INT64"),
        "null for UINT64": option("seed", "UINT64", None, "row 0: seed is null, must be UINT64"),
        "a list for INT16": option("seed", "INT16", [1], "row 0: seed is [1], must be INT16"),
        "an object for UINT8": option("seed", "UINT8", {}, "row 0: seed is {}, must be UINT8"),
        "a string for FP32": option("top_p", "FP32", "1", "row 0: top_p is '1', must be FP32"),
        "true for FP64": option("top_p", "FP64", True, "row 0: top_p is true, must be FP64"),
        "null for FP32": option("top_p", "FP32", None, "row 0: top_p is null, must be FP32"),
        "1 for BOOL": option("raw", "BOOL", 1, "row 0: raw is 1, must be BOOL"),
        "a string for BOOL": option("raw", "BOOL", "true", "row 0: raw is 'true', must be BOOL"),
        "null for BOOL": option("raw", "BOOL", None, "row 0: raw is null, must be BOOL"),
        "a list for BYTES": option("stop", "BYTES", ["a"], "row 0: stop is ['a'], must be BYTES"),
        "null for BYTES": option("stop", "BYTES", None, "row 0: stop is null, must be BYTES"),
        **{
            f"{value} for {datatype}": option(
                "seed", datatype, value, f"row 0: seed is {value}, must be {datatype}"
            )
            for datatype, values in EDGES.items()
            for value in values
        },
    }
)
GROUPS = {"inputs": INPUTS, "shapes": SHAPES, "datatypes": TYPES, "data": DATA}
