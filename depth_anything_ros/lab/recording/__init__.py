"""The depth node's pipeline over bags, without ROS."""

# The full name of the depth node where nobody gives it another.
DEPTH_NODE = '/depth_node'
