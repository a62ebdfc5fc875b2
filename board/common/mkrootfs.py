#!/usr/bin/env python3
"""Makes the tree of the root file system: our programs, what they need of Debian's packages, and rootfs/.

    mkrootfs.py CONFIG PROGRAMS WEB KEYS OUT     in the root that makes images

Of a package only these files are copied: the shared libraries that a program or plug-in names (ELF closure),
the plug-ins and programs listed in PLUGINS and FOREIGN, and DATA. Beside OUT it writes OUT.manifest, the
SHA-256 of each file, OUT.packages, the packages the files are from, and OUT.rescue, the files that dhcpcd needs in
the boot image. It refuses a tree with a shell, an
interpreter, a script or more than MAX_EXECUTABLES executables.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
LIBRARIES = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib")
LINKER = "/usr/lib64/ld-linux-x86-64.so.2"
PROGRAMS = ("parent", "key", "core", "web", "ca", "deploy", "sys", "console", "resolv", "update")
PLUGINS = ("/usr/lib/softhsm/libsofthsm2.so",)
FOREIGN = ("/usr/sbin/dhcpcd",)
RESCUE = "/usr/sbin/dhcpcd"  # what rescue in the boot image runs
DATA = ("/etc/ssl/certs/ca-certificates.crt", "/etc/services", "/etc/protocols")
GENERATED = {"/etc/ssl/certs/ca-certificates.crt": "ca-certificates"}  # by a script of that package
ZONES = "/usr/share/zoneinfo"
NO_ZONES = {"posix", "right", "leapseconds", "leap-seconds.list", "tzdata.zi", "posixrules"}
MAX_EXECUTABLES = 16
NEVER = re.compile(r"(ba|da|a|z|k|c|tc|fi)?sh|busybox|toybox|python.*|perl.*|[gmn]?awk|lua.*|ruby.*|node|tclsh.*|gdb|"
                   r"sed|ed|vi|env|xargs|find|apt.*|dpkg.*|rpm|socat|nc|curl|wget|gcc.*|cc|as|ld")


def die(text):
    sys.exit(f"mkrootfs: {text}")


def read_config(path):
    """CONFIG_X="text" or CONFIG_X=y -> {"X": "text"}."""
    found = re.findall(r'^CONFIG_(\w+)=(?:"(.*)"|(\S+))$', Path(path).read_text(), re.M)
    return {name: text or word for name, text, word in found}


class Tree:
    def __init__(self, out):
        self.out = Path(out)
        shutil.rmtree(self.out, ignore_errors=True)
        self.sources = {}  # path in the image -> path in this root, for what is from a package
        for d in ("proc", "sys", "dev", "run", "tmp", "state", "etc", "usr/lib", "usr/lib64", "usr/sbin", "var/lib"):
            (self.out / d).mkdir(parents=True)
        for name, to in (("lib", "usr/lib"), ("lib64", "usr/lib64"), ("sbin", "usr/sbin"),
                         ("etc/resolv.conf", "/run/net/resolv.conf"), ("var/lib/dhcpcd", "/run/dhcpcd")):
            (self.out / name).symlink_to(to)

    def put(self, data, path, executable=False):
        to = self.out / path.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes(data)
        to.chmod(0o755 if executable else 0o644)

    def copy(self, source, path=None, executable=False, strip=False):
        real = os.path.realpath(source)
        path = path or source
        self.put(Path(real).read_bytes(), path, executable)
        if strip:
            subprocess.run(["strip", "--strip-all", self.out / path.lstrip("/")], check=True)
        else:
            self.sources[path] = real


def needed(path):
    text = subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.+)\]", text)


def closure(tree, start):
    """Copies the shared libraries that the files of `start` need, by the names they are asked for -> their paths."""
    todo, seen, paths = list(start), set(), []
    while todo:
        for name in needed(todo.pop()):
            if name in seen or name == os.path.basename(LINKER):
                continue
            seen.add(name)
            path = next((f"{d}/{name}" for d in LIBRARIES if os.path.exists(f"{d}/{name}")), None)
            if not path:
                die(f"{name}: not in this root: add its package to board/common/packages.list")
            tree.copy(path)
            paths.append(path)
            todo.append(os.path.realpath(path))
    return paths


def add_programs(tree, programs):
    ours = [f"{programs}/certkeep-{name}" for name in PROGRAMS]
    for path in ours:
        tree.copy(path, f"/usr/lib/certkeep/{os.path.basename(path)}", executable=True, strip=True)
    for path in FOREIGN:
        tree.copy(path, executable=True)
    for path in PLUGINS:
        tree.copy(path)
    tree.copy(LINKER, executable=True)
    closure(tree, [*ours, *FOREIGN, *PLUGINS])
    rescue = [RESCUE, LINKER, *closure(tree, [RESCUE]), "/etc/dhcpcd.conf", "/etc/passwd", "/etc/group"]
    Path(f"{tree.out}.rescue").write_text("".join(f"{path}\n" for path in rescue))


def add_data(tree, web, keys):
    for path in DATA:
        tree.copy(path)
    for source in sorted(Path(ZONES).rglob("*")):
        part = source.relative_to(ZONES)
        if source.is_file() and part.parts[0] not in NO_ZONES:
            tree.copy(str(source))
    for source in sorted(Path(web).rglob("*")):
        if source.is_file():
            tree.put(source.read_bytes(), f"/usr/share/certkeep/web/{source.relative_to(web)}")
    for source in sorted((TOP / "rootfs").rglob("*")):
        if source.is_file():
            tree.put(source.read_bytes(), f"/{source.relative_to(TOP / 'rootfs')}")
    tree.put(Path(keys).read_bytes(), "/usr/share/certkeep/firmware.keys")


def users():
    """One user per process, and the one of the DHCP client, from the tables of the sources."""
    base = int(re.search(r"#define PROCESS_UID_BASE (\d+)", (TOP / "src/ipc/process.h").read_text())[1])
    found = re.findall(r'^PROCESS\(\w+,\s*"certkeep-(\w+)",\s*(\d+)', (TOP / "src/ipc/process.def").read_text(), re.M)
    dhcp = int(re.search(r"#define DHCP_UID (\d+)", (TOP / "src/parent/dhcp.h").read_text())[1])
    return [("root", 0)] + [(name, base + int(n)) for name, n in found if n != "0"] + [("dhcp", dhcp)]


def dhcpcd_conf(config):
    """Names are the kernel's: eth0 is the first. Without files that stay, only the hardware address is stable. A DHCP
    server looks itself whether an address is free; probing once more would cost five seconds of each start."""
    lines = ["# The addresses of the appliance: src/parent/dhcp.c starts dhcpcd with this file.",
             "script /usr/lib/certkeep/certkeep-resolv", "noipv4ll", "nodelay", "clientid", "slaac hwaddr",
             "option domain_name_servers, interface_mtu, rapid_commit"]
    if config.get("NETWORK_STATIC"):
        lines += ["allowinterfaces eth0", "noipv6rs", f"static ip_address={config['NETWORK_ADDRESS']}",
                  f"static routers={config['NETWORK_ROUTER']}", f"static domain_name_servers={config['NETWORK_DNS']}"]
    else:
        lines += ["allowinterfaces eth*", "noarp"]
    return "\n".join(lines) + "\n"


def add_settings(tree, config, version):
    tree.put("".join(f"{n}:x:{u}:{u}::/:/nonexistent\n" for n, u in users()).encode(), "/etc/passwd")
    tree.put("".join(f"{n}:x:{u}:\n" for n, u in users()).encode(), "/etc/group")
    tree.put(dhcpcd_conf(config).encode(), "/etc/dhcpcd.conf")
    tree.put(f'NAME=Certkeep\nID=certkeep\nVERSION_ID={version}\nPRETTY_NAME="Certkeep {version}"\n'
             f"VARIANT_ID={config['BOARD']}\n".encode(), "/etc/os-release")
    arguments = ["--state", "/state", "--listen-https", "[::]:443", "--board", config["BOARD"]]
    if config.get("HTTP01"):
        arguments += ["--listen-http01", "[::]:80"]
    tree.put("".join(a + "\n" for a in arguments).encode(), "/etc/certkeep/parent.args")


def check(tree):
    files = [p for p in sorted(tree.out.rglob("*")) if p.is_file() and not p.is_symlink()]
    executables = [p for p in files if p.stat().st_mode & 0o111]
    for p in files:
        if p.stat().st_mode & 0o7000:
            die(f"{p}: has a set-id bit")
        if p.read_bytes()[:2] == b"#!":
            die(f"{p}: is a script")
    for p in executables:
        if NEVER.fullmatch(p.name):
            die(f"{p}: a shell, interpreter or tool that an intruder could use")
    print(f"executables: {len(executables)}, at most {MAX_EXECUTABLES}: {' '.join(p.name for p in executables)}")
    if len(executables) > MAX_EXECUTABLES:
        die(f"{len(executables)} executables, at most {MAX_EXECUTABLES}")
    return files


def write_lists(tree, files):
    with open(f"{tree.out}.manifest", "w") as out:
        for p in files:
            out.write(f"{hashlib.sha256(p.read_bytes()).hexdigest()}  /{p.relative_to(tree.out)}\n")
    owner = {}
    for listing in sorted(Path("/var/lib/dpkg/info").glob("*.list")):
        for path in listing.read_text().splitlines():
            owner[path] = listing.stem.split(":")[0]
    packages = set()
    for path, source in sorted(tree.sources.items()):
        name = GENERATED.get(path) or owner.get(source) or owner.get(source.removeprefix("/usr"))
        if not name:
            die(f"{source}: is of no package")
        packages.add(name)
    Path(f"{tree.out}.packages").write_text("".join(f"{p}\n" for p in sorted(packages)))


def main():
    config_path, programs, web, keys, out = sys.argv[1:]
    version = re.search(r'CERTKEEP_VERSION "(.+)"', (TOP / "src/model/version.h").read_text())[1]
    config, tree = read_config(config_path), Tree(out)
    add_programs(tree, programs)
    add_data(tree, web, keys)
    add_settings(tree, config, version)
    write_lists(tree, check(tree))


main()
