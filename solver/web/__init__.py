"""The page of a what-if session: server-rendered, local by default, nothing loaded from elsewhere."""
