"""Load tester for the Open Inference (V2) protocol; nothing is released here yet."""
