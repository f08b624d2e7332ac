"""Cells that several tests run. Together they define an application of two components, with a record and an error."""

IMPORTS = "import asyncio, os, time\nimport weaverlab as weaver\nfrom weaverlab import *"

RECORDS = """
class Post(AutoMarshal):
    id: str
    text: str

class Censored(Exception):
    def __init__(self, post: Post, why: str) -> None:
        super().__init__(post, why)
        self.post, self.why = post, why
"""

STORAGE = """
class Storage(Component):
    def init(self) -> None:
        self.posts = {}
        self.logger.info("storage opens")

    def store(self, post: Post) -> int:
        if "bad" in post.text:
            raise Censored(post, "a bad word")
        self.posts[post.id] = post
        return os.getpid()

    def fetch(self, post_id: str) -> Post:
        return self.posts[post_id]

    def sleep(self, path: str) -> None:
        open(path).read()

    def say(self, count: int) -> None:
        for number in range(count):
            print("line", number)

    async def double(self, number: int) -> int:
        await asyncio.sleep(0.01)
        return 2 * number
"""

UPLOAD = """
class Upload(Component):
    storage: Ref[Storage]

    def upload(self, id: str, text: str) -> Post:
        self.storage.store(Post(id=id, text=text))
        return self.storage.fetch(id)
"""

SHOP = (IMPORTS, RECORDS, STORAGE, UPLOAD)
