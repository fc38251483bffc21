"""Typed keys of what the application carries."""

from __future__ import annotations

from aiohttp import web

from intone.web.server import Server

SERVER = web.AppKey("server", Server)
