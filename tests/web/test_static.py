"""Pages: the built front end by its manifest, and the plain page without it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.service import Running
from web.static import Site, not_built_page


def _dist(folder: Path) -> Path:
    (folder / "assets").mkdir(parents=True)
    (folder / ".vite").mkdir()
    (folder / "desk.html").write_text("<!doctype html><title>desk</title>")
    (folder / "field.html").write_text("<!doctype html><title>field</title>")
    (folder / "public.html").write_text("<!doctype html><title>public</title>")
    (folder / "sw.js").write_text("// worker")
    (folder / "assets" / "desk-abc123.js").write_text("console.log(1)")
    (folder / "assets" / "desk-abc123.js.gz").write_bytes(gzip.compress(b"console.log(1)"))
    manifest = {"desk.html": {"file": "assets/desk-abc123.js", "isEntry": True}, "field.html": {"file": "assets/desk-abc123.js"}}
    (folder / ".vite" / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_site_when_nothing_is_built_then_says_so(tmp_path: Path) -> None:
    assert not Site(tmp_path).built and Site(tmp_path).page("/") is None
    for language in ("zh-CN", "en"):
        page = not_built_page(language)
        assert "界面未构建" in page and "npm ci" in page and "/api/docs" in page and "<script" not in page


@pytest.mark.parametrize(
    ("path", "title"), [("/", b"desk"), ("/desk", b"desk"), ("/desk/board", b"desk"), ("/field/report", b"field")]
)
async def test_page_when_built_then_entry_of_the_role(service: Running, tmp_path: Path, path: str, title: bytes) -> None:
    app = service.server.request_callback
    former, app.site = app.site, Site(_dist(tmp_path))
    try:
        answer = await service.get(path)
        assert answer.status == 200 and title in answer.body and answer.headers["Cache-Control"] == "no-cache"
        policy = answer.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy and "frame-ancestors 'none'" in policy
        asset = await service.get("/assets/desk-abc123.js", headers={"Accept-Encoding": "gzip"})
        assert "immutable" in asset.headers["Cache-Control"] and asset.headers["Content-Type"].startswith("text/javascript")
        assert b"console" in asset.body
        worker = await service.get("/sw.js")
        assert worker.headers["Service-Worker-Allowed"] == "/field" and worker.headers["Cache-Control"] == "no-cache"
        for outside in (
            "/assets/../../../etc/passwd",
            "/assets/%2e%2e/desk.html",
            "/assets/.vite/manifest.json",
            "/assets/none.js",
        ):
            assert (await service.get(outside)).status == 404
    finally:
        app.site = former


@pytest.mark.parametrize("path", ["/public", "/public/", "/public/cases/" + "A" * 43])
async def test_public_page_when_sent_gives_its_address_to_nobody(service: Running, tmp_path: Path, path: str) -> None:
    app = service.server.request_callback
    former, app.site = app.site, Site(_dist(tmp_path))
    try:
        answer = await service.get(path)
    finally:
        app.site = former
    assert answer.status == 200 and b"public" in answer.body and b"AAA" not in answer.body
    assert answer.headers["Referrer-Policy"] == "no-referrer" and "noindex" in answer.headers["X-Robots-Tag"]
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
