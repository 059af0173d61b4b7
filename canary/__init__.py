"""Progressive rollouts of an InferenceService by editing its canaryTrafficPercent.

Pure core, thin edge: ``judgement`` turns counts into evidence and a verdict, ``rollout`` turns the
state, the cluster's view and a verdict into the next action; neither has a clock or does I/O.
``prometheus``, ``cluster``, ``gate`` and ``record`` each own one outside system. ``controller`` is
the only loop: observe, advance, write down, act. The cluster holds the state, so the program may
die at any line.
"""
