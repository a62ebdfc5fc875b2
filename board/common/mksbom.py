#!/usr/bin/env python3
"""Writes the software bill of materials of an image, SPDX 2.3 as JSON, to standard output.

    mksbom.py NAME PACKAGES MANIFEST KERNEL VERSIONS

PACKAGES: names of the packages the root file system has files of. MANIFEST: SHA-256 of each of its files.
KERNEL: Package, Version and Architecture of the kernel. VERSIONS: what the programs were built with, as
dpkg-query -W prints it; packages of both roots must have one version. The time is SOURCE_DATE_EPOCH.
"""
import hashlib
import json
import os
import re
import sys
from datetime import datetime, timezone
from pathlib import Path

STATIC = ("libmbedtls-dev", "libc6-dev")  # linked into stage-0
BOOT = ("systemd-boot-efi",)  # the program that unpacks kernel and initramfs


def paragraphs(text):
    for block in text.strip().split("\n\n"):
        yield dict(re.findall(r"^(\S+): (.*)$", block, re.M))


def package(name, version, source, supplier="Organization: Debian", licence="NOASSERTION"):
    ref = re.sub(r"[^A-Za-z0-9.-]", "-", name)
    found = {"SPDXID": f"SPDXRef-Package-{ref}", "name": name, "versionInfo": version, "supplier": supplier,
             "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
             "licenseDeclared": licence, "copyrightText": "NOASSERTION"}
    if source:
        found["sourceInfo"] = f"built from Debian source package {source}"
        found["externalRefs"] = [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                                  "referenceLocator": f"pkg:deb/debian/{name}@{version}?arch=amd64&distro=trixie"}]
    return found


def main():
    name, packages, manifest, kernel, versions = sys.argv[1:]
    installed = {p["Package"]: p for p in paragraphs(Path("/var/lib/dpkg/status").read_text()) if "Version" in p}
    built = dict(line.split() for line in Path(versions).read_text().splitlines() if len(line.split()) == 2)
    found = [package("certkeep", name.split("-")[1], None, "Organization: Certkeep", "Apache-2.0")]
    for p in sorted({*Path(packages).read_text().split(), *BOOT}):
        version = installed[p]["Version"]
        if built.get(p, version) != version:
            sys.exit(f"mksbom: {p}: the programs were built with {built[p]}, the image has {version}: "
                     "remove both cached roots (buildroot.sh path, buildroot.sh image-path) and build again")
        found.append(package(p, version, installed[p].get("Source", p).split()[0]))
    found += [package(p, built[p], p) for p in STATIC if p in built]
    k = next(paragraphs(Path(kernel).read_text()))
    found.append(package(k["Package"], k["Version"], "linux"))
    digest = hashlib.sha256((Path(manifest).read_text() + json.dumps(found)).encode()).hexdigest()
    when = datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), timezone.utc)
    print(json.dumps({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": name,
        "documentNamespace": f"https://spdx.org/spdxdocs/{name}-{digest}",
        "creationInfo": {"created": when.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: certkeep-mksbom"]},
        "packages": found,
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                           "relatedSpdxElement": found[0]["SPDXID"]}] +
                         [{"spdxElementId": found[0]["SPDXID"], "relationshipType": "CONTAINS",
                           "relatedSpdxElement": p["SPDXID"]} for p in found[1:]],
    }, indent=1))


main()
