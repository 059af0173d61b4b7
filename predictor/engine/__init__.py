"""The continuous-batching engine: one step runs every sequence that is due.

    add -> waiting -> schedule -> run(batch) -> sample -> TokenOutputs -> finished

``sequence``, ``block_manager``, ``scheduler``   what runs next; no torch
``speculation``                                  drafts of what comes next; no torch
``model_config``, ``checkpoint``, ``weights``    a checkpoint directory -> CausalLM
``linear``, ``packing``                          products, and weights laid out for the CPU
``kv_cache``, ``attention``, ``rope``, ``causal_lm``, ``sampler``   tensors
``model_runner``                                 Batch -> sampled tokens
``engine``                                       add, abort, step
``faults``, ``fault_injection``                  what fails on purpose, for tests
``messages``, ``process``, ``client``            the channel between the two processes
"""
