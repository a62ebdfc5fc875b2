"""Files that survive a power cut: what returns from here is on the disk."""
import os
import pathlib


class Refused(Exception):
    """What the tool tells its user, without a traceback."""


def read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None


def sync_folder(folder):
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write(fd, data):
    while data:
        data = data[os.write(fd, data):]
    os.fsync(fd)


def write_new(path, data, mode):
    """Refuses to write over what is there: it may be the only copy of a key."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise Refused(f"{path}: is there already") from None
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    try:
        _write(fd, data)
    finally:
        os.close(fd)


def replace(path, data, mode):
    """The file has either the old or the new content, at any moment."""
    path = pathlib.Path(path)
    new = path.with_name(path.name + ".new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        _write(fd, data)
    finally:
        os.close(fd)
    os.rename(new, path)
    sync_folder(path.parent)


def add_line(path, line):
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        _write(fd, line)
    finally:
        os.close(fd)
