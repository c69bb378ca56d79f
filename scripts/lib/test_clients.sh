# Clients and servers that tests talk to, in the cache by pinned version and hash. Source it behind common.sh.

# made_from FOLDER FILE...: whether FOLDER was made from exactly these files.
made_from() { [ -f "$1/.made-from" ] && [ "$(cat "$1/.made-from")" = "$(cat "${@:2}" | sha256sum)" ]; }

# install_python FOLDER SOURCE WHAT: a virtual environment of SOURCE/requirements.txt.
install_python() {
  local folder=$1 requirements=$2/requirements.txt
  if made_from "$folder" "$requirements"; then return 0; fi
  step "Installing $3"
  rm -rf "$folder"
  mkdir -p "$(dirname "$folder")"
  python3 -m venv "$folder"
  "$folder/bin/pip" install -q --disable-pip-version-check --require-hashes -r "$requirements"
  cat "$requirements" | sha256sum >"$folder/.made-from"
}

# install_package PIP FOLDER REQUIREMENT WHAT: the files of one Python package, for what is in it and not to be imported.
install_package() {
  local pip=$1 folder=$2 requirement=$3
  if made_from "$folder" "$requirement"; then return 0; fi
  step "Installing $4"
  rm -rf "$folder"
  "$pip" install -q --disable-pip-version-check --no-deps --require-hashes --target "$folder" -r "$requirement"
  cat "$requirement" | sha256sum >"$folder/.made-from"
}

# install_npm FOLDER SOURCE WHAT: the modules of SOURCE/package-lock.json.
install_npm() {
  local folder=$1 files=("$2/package.json" "$2/package-lock.json")
  if made_from "$folder" "${files[@]}"; then return 0; fi
  step "Installing $3"
  rm -rf "$folder"
  mkdir -p "$folder"
  cp "${files[@]}" "$folder"
  (cd "$folder" && npm ci --silent --no-audit --no-fund --omit-lockfile-registry-resolved)
  cat "${files[@]}" | sha256sum >"$folder/.made-from"
}
