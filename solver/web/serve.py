"""Serve the page of a session until it is stopped."""

from __future__ import annotations

import secrets
import socket
import sys

from solver.errors import SolverError, UsageError
from solver.whatif.session import Session


def serve(session: Session, host: str = "127.0.0.1", port: int = 8722) -> None:
    """Serve on an address; anything but loopback asks for a random token that is part of the address."""
    try:
        import uvicorn

        from solver.web.app import make_app
        from solver.web.guard import is_loopback
    except ImportError:
        raise UsageError("the page needs two more packages: pip install 'fleet-solver[web]'") from None
    token = "" if is_loopback(host) else secrets.token_urlsafe(24)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise SolverError(f"{host}:{port} cannot be served ({error.strerror or error})") from None
        listener.listen(128)  # who follows the address at once waits a moment
        bound = listener.getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        sys.stdout.write(f"http://{name}:{bound}/{f'?token={token}' if token else ''}\n")
        sys.stdout.flush()
        config = uvicorn.Config(
            make_app(session, host, token), log_level="warning", access_log=False, server_header=False
        )
        uvicorn.Server(config).run(sockets=[listener])
