"""Metric depth and point clouds from one camera, in ROS 2 and without it."""
