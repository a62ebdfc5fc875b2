#!/bin/sh
# make run: builds, starts the appliance on embedded defaults and a demo server, runs the main job.
# Environment: ONCE=1 stop afterwards; ADDRESS, UI_PORT, HTTP_PORT where the appliance listens;
# HOST (for tests, inside the build root) the number of the demo server and its network.
set -eu
cd "$(dirname -- "$0")/../.."
echo "== build"
make -s -j"$(nproc)" bins
if [ -x web/build.sh ]; then web/build.sh; fi
exec python3 tests/demo/run.py
