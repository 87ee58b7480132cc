"""A broker over STOMP 1.2: stomp.py speaks, asyncio carries."""
