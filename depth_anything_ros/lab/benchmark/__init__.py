"""
Measuring networks: how long they take, where, and what they need.

`networks.py` opens what is to be measured: models of the package (`own_networks.py`), networks in
folders (`folder_network.py`), comparators (`hub_model.py`, `detector.py`). `plan.py` says what
takes turns with what, `group.py` measures it, `layers.py` looks inside.
"""
