"""
Measuring networks: how long they take, where, and what they need.

`networks.py` opens what is to be measured, `hub_model.py` the comparators of the Hugging Face hub;
`plan.py` says what takes turns with what, `group.py` measures it, `layers.py` looks inside.
"""
