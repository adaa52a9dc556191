"""The depth node's pipeline over bags, without ROS."""
