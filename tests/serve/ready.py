"""Exits 0 when the server at URL says that it is ready."""
import sys
import urllib.request

try:
    urllib.request.urlopen(sys.argv[1] + "/health", timeout=5).close()
except OSError:
    sys.exit(1)
