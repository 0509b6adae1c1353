"""The server of the explorer, for this machine only."""

import panel as pn

from simlab.core.errors import SimlabError
from simlab.lensing.explorer.html import STYLE
from simlab.lensing.explorer.page import Explorer
from simlab.lensing.explorer.state import State
from simlab.lensing.kernels import warm

LOOPBACK = "127.0.0.1"
TITLE = "Gravitational lens explorer"


def create_page():
    """A new page; its state is that of its address."""
    problem, state = "", State()
    try:
        state = State.from_query(pn.state.location.search or "")
    except SimlabError as error:
        problem = str(error)
    explorer = Explorer(state, problem)
    pn.state.on_session_destroyed(lambda context: explorer.close())
    return explorer.view()


def start_server(port, show, threaded=False):
    """Serve the explorer at 127.0.0.1, a port, until the process is interrupted.

    Parameters
    ----------
    port : int
    show : bool
        Open the page in a browser.
    threaded : bool
        Return at once, with the server running in a thread.

    Returns
    -------
    panel.io.server.Server or thread
    """
    warm()
    pn.extension("tabulator", raw_css=[STYLE])
    return pn.serve(
        {"/": create_page},
        address=LOOPBACK,
        port=port,
        show=show,
        title=TITLE,
        websocket_origin=[f"{host}:{port}" for host in (LOOPBACK, "localhost")],
        threaded=threaded,
    )
