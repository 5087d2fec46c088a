"""A machine with too much to do, made to order: what a test takes for granted comes too late."""

import threading
from asyncio import BaseEventLoop
from random import Random
from time import sleep
from typing import Any

import pytest
from textual.message import Message
from textual.message_pump import MessagePump


def dawdle(monkeypatch: pytest.MonkeyPatch, seed: str) -> None:
    """Have the application take its time now and then, and its threads bring things late."""
    chance = Random(seed)
    dispatch = MessagePump._dispatch_message
    call_soon = BaseEventLoop.call_soon_threadsafe

    async def dispatch_late(pump: MessagePump, message: Message) -> None:
        if chance.random() < 0.03:
            sleep(chance.uniform(0, 0.1))
        await dispatch(pump, message)

    def call_late(loop: BaseEventLoop, *args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() is not threading.main_thread() and chance.random() < 0.3:
            sleep(chance.uniform(0, 0.3))
        return call_soon(loop, *args, **kwargs)

    monkeypatch.setattr(MessagePump, "_dispatch_message", dispatch_late)
    monkeypatch.setattr(BaseEventLoop, "call_soon_threadsafe", call_late)
