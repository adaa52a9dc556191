"""
What stands around the pipeline where messages come and go: the same in the node and over a bag.

Messages are read by their fields alone, and what is made of a frame becomes a message through a
factory: that of ROS in the node, that of rosbags in `record`.
"""
