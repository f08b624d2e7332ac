"""A record of ten fields as users write it, importable; "serialisation" defines the same one in a notebook."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Post:
    id: str
    author: str
    title: str
    text: str
    tags: list[str]
    likes: int
    score: float
    created_s: float
    is_public: bool
    replies: list[int]
