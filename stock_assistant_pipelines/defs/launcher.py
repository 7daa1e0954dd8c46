"""How runs are started: in the code server, as Dagster does by default, and not in one that is on its way out."""

from dagster._core.errors import DagsterLaunchFailedError, DagsterUserCodeUnreachableError
from dagster._core.launcher.base import LaunchRunContext
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher

STOPPING = "after telling it to shut down"
"""What a code server says that was told to stop, and waits for its runs."""


class PatientRunLauncher(DefaultRunLauncher):
    """Dagster's own launcher; a run that a stopping code server refuses goes back into the queue, as when there is no server.

    Otherwise it would fail, and use up its retries within seconds: a stopping server waits for its runs.
    """

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start a run."""
        try:
            super().launch_run(context)
        except DagsterLaunchFailedError as error:
            if STOPPING not in str(error):
                raise
            raise DagsterUserCodeUnreachableError(
                "the code server is stopping: the run waits for the next one"
            ) from error
