"""OpenAI's chat completions and completions <-> GenerationRequests, Completions and Deltas.

``body``         what both bodies share: members, bounds, what is refused by name
``chat``         the chat body and its choices; ``turns``: its messages
``completions``  the completions body and its choices
``answers``      what lies around the choices: ids, usage, events, models, errors
``forms``        a route's body and answer together

Unlike OpenAI: sampling that is not given is the model's own, seeds are kept exactly, and an
unknown member is an error.
"""
