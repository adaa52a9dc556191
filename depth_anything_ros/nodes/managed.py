"""A lifecycle node that goes on answering while it is configured."""

from __future__ import annotations

from functools import partial

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNodeMixin, TransitionCallbackReturn
from rclpy.node import Node

from depth_anything_ros.nodes.beside import beside


class ManagedNode(LifecycleNodeMixin, Node):
    """
    Be a lifecycle node whose `on_configure` runs beside the executor.

    All other transitions run on the executor's thread. While one is configuring, others are
    refused; so is a transition that the state does not allow, which ends a node of Humble's
    rclpy.

    :param name: name of the node.
    :param namespace: wins over that of the command line; '' leaves it to that.
    """

    def __init__(self, name: str, namespace: str = '') -> None:
        own = ['--ros-args', '-r', f'__ns:={namespace}'] if namespace else None
        Node.__init__(self, name, cli_args=own)
        # So that get_state and the like are answered while change_state waits.
        LifecycleNodeMixin.__init__(self, callback_group=ReentrantCallbackGroup())
        self._configuring = False
        self._change_state = self._service_change_state.callback
        self._service_change_state.callback = self._on_change_state

    async def start_up(self) -> bool:
        """Configure and activate; tell whether both went well."""
        success = TransitionCallbackReturn.SUCCESS
        self._configuring = True
        try:
            configured = await beside(self, self.trigger_configure)
        finally:
            self._configuring = False
        return configured == success and self.trigger_activate() == success

    async def _on_change_state(
        self, request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        if self._configuring:
            self.get_logger().warning('transition refused: the node is configuring')
            response.success = False
            return response
        change = partial(self._change_state, request, response)
        self._configuring = _is_configure(request.transition)
        try:
            return await beside(self, change) if self._configuring else change()
        except RuntimeError as error:
            if self.context.ok():
                self.get_logger().warning(f'transition refused: {error}')
            response.success = False
            return response
        finally:
            self._configuring = False


def _is_configure(asked: Transition) -> bool:
    # As rclpy reads it: the label where there is one.
    if asked.label:
        return bool(asked.label == 'configure')
    return bool(asked.id == Transition.TRANSITION_CONFIGURE)
