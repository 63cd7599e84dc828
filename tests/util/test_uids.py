"""UUIDs."""

import os
import uuid
import warnings

from kubepy.util import uids


def test_each_is_a_uuid_of_version_4_and_new() -> None:
    made = [uids.uuid4() for _ in range(2000)]
    assert len(set(made)) == 2000
    for text in made[:300]:
        parsed = uuid.UUID(text)
        assert (str(parsed), parsed.version, parsed.variant) == (text, 4, uuid.RFC_4122)


def test_a_child_process_makes_others() -> None:
    uids.uuid4()
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn where threads run
        child = os.fork()
    if child == 0:
        os.write(write, uids.uuid4().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100).decode() != uids.uuid4()
