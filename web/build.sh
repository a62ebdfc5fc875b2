#!/bin/sh
# Builds the admin UI to web/dist: static hashed files and their .gz. Run inside the build root
# (`make web`). Nothing is done when no input changed since the last build.
set -eu
cd "$(dirname -- "$0")"

inputs() {
    { find src -type f ! -name api.gen.ts; ls index.html package.json package-lock.json .npmrc \
        tsconfig.json vite.config.ts compress.mjs build.sh ../docs/api.yaml; } | LC_ALL=C sort
}
now=$(inputs | xargs sha256sum | sha256sum | cut -d' ' -f1)
if [ -f dist/index.html ] && [ "$(cat node_modules/.built 2>/dev/null)" = "$now" ]; then
    echo "web: dist is up to date"
    exit 0
fi

# The modules are those of the lock file: installed again only when it changed.
lock=$(sha256sum package-lock.json | cut -d' ' -f1)
if [ "$(cat node_modules/.lock-sum 2>/dev/null)" != "$lock" ]; then
    npm ci --no-audit --no-fund --loglevel=error
    echo "$lock" >node_modules/.lock-sum
fi
rm -rf dist
npm run -s build
echo "$now" >node_modules/.built
