"""The published file: from the cache, from a hub that answers, from none."""

import hashlib
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from depth_anything_ros.errors import CheckpointError
from depth_anything_ros.lab.training import pretraining
from depth_anything_ros.lab.training.pretraining import load_encoder_weights
from depth_anything_ros.models import MODELS, create_model
from depth_anything_ros.models.hub import encoder_file, expected_sha256, is_hub_id, published_file
from depth_anything_ros.models.spec import ModelSpec

SMALL = MODELS['depth_anything_v2_vits']
CONTENT = b'weights' * 1000
COMMIT = SMALL.revision

constants = pytest.importorskip('huggingface_hub.constants')


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a cache of its own and a hub that refuses every connection."""
    monkeypatch.setenv('NO_PROXY', '127.0.0.1')
    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(tmp_path))
    point_to(monkeypatch, 'http://127.0.0.1:9')
    return tmp_path


def point_to(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setattr(constants, 'ENDPOINT', endpoint)
    template = endpoint + '/{repo_id}/resolve/{revision}/{filename}'
    monkeypatch.setattr(constants, 'HUGGINGFACE_CO_URL_TEMPLATE', template)


class Hub(BaseHTTPRequestHandler):
    """Answer as the hub does for SMALL's file, for a gated repository, and 404 for the rest."""

    def do_HEAD(self) -> None:
        if self.path.startswith('/facebook/'):
            self.send_response(401)
            self.send_header('X-Error-Code', 'GatedRepo')
            self.send_header('X-Error-Message', 'Access to this model is restricted.')
            self.send_header('Content-Length', '0')
            self.end_headers()
            return
        known = self.path == f'/{SMALL.hub_repo}/resolve/{COMMIT}/{SMALL.weights_file}'
        self.send_response(200 if known else 404)
        self.send_header('X-Repo-Commit', COMMIT)
        self.send_header('ETag', f'"{hashlib.sha256(CONTENT).hexdigest()}"')
        self.send_header('Content-Length', str(len(CONTENT) if known else 0))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    server = ThreadingHTTPServer(('127.0.0.1', 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    point_to(monkeypatch, f'http://127.0.0.1:{server.server_port}')
    yield cache
    server.shutdown()
    server.server_close()


def test_first_use_downloads_into_the_cache_and_later_ones_need_no_hub(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = published_file(SMALL)
    assert path.is_relative_to(hub)
    assert path.name == SMALL.weights_file
    assert path.read_bytes() == CONTENT
    assert path.parent.name == COMMIT
    point_to(monkeypatch, 'http://127.0.0.1:9')
    assert published_file(SMALL) == path


def test_other_commit_in_the_cache_is_used_if_it_is_the_same_file(cache: Path) -> None:
    folder = cache / f'models--{SMALL.hub_repo.replace("/", "--")}'
    snapshot = folder / 'snapshots' / ('1' * 40)
    for made in (snapshot, folder / 'blobs', folder / 'refs'):
        made.mkdir(parents=True)
    (folder / 'refs' / 'main').write_text(snapshot.name)
    link = snapshot / SMALL.weights_file
    for digest, used in ((SMALL.sha256, True), ('f' * 64, False)):
        (folder / 'blobs' / digest).touch()
        link.unlink(missing_ok=True)
        link.symlink_to(folder / 'blobs' / digest)
        if used:
            assert published_file(SMALL) == link
        else:
            with pytest.raises(CheckpointError, match='not in the cache'):
                published_file(SMALL)


def test_cache_states_the_digest_of_a_file_not_known_otherwise(hub: Path) -> None:
    path = published_file(SMALL)
    assert expected_sha256(replace(SMALL, sha256=''), path) == hashlib.sha256(CONTENT).hexdigest()
    assert expected_sha256(SMALL, path) == SMALL.sha256
    assert expected_sha256(replace(SMALL, sha256=''), Path('plain.pth')) == ''


def test_no_network_is_told_soon_with_file_cache_and_cure(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(*_: object, **__: object) -> None:
        pytest.fail('a download that fails is repeated for tens of seconds')

    monkeypatch.setattr('huggingface_hub.hf_hub_download', download)
    with pytest.raises(CheckpointError) as error:
        published_file(SMALL)
    for word in (SMALL.name, SMALL.hub_repo, SMALL.weights_file, str(cache), 'checkpoint:=FILE'):
        assert word in str(error.value)
    assert '\n' not in str(error.value)


def test_file_that_the_hub_does_not_have_is_an_error(hub: Path) -> None:
    with pytest.raises(CheckpointError, match='could not be downloaded'):
        published_file(replace(SMALL, weights_file='none.pth'))


@pytest.mark.parametrize('size', ['vits', 'vitb', 'vitl'])
def test_gated_file_says_what_to_accept_where_and_what_to_do_without(hub: Path, size: str) -> None:
    with torch.device('meta'):
        model = create_model(MODELS[f'anydepth_{size}'])
    with pytest.raises(CheckpointError) as error:
        load_encoder_weights(model, 'hub')
    page = f'https://huggingface.co/facebook/dinov3-{size}16-pretrain-lvd1689m'
    for words in (
        f"the encoder of model 'anydepth_{size}' is gated",
        f'log in at {page}, accept the DINOv3 License',
        '`hf auth login`',
        'HF_TOKEN',
        "'model.safetensors'",
        '--encoder-weights FILE',
    ):
        assert words in str(error.value)


def test_gated_checkpoint_is_asked_for_with_checkpoint(hub: Path) -> None:
    gated = replace(SMALL, hub_repo='facebook/some', licence='Some Licence')
    with pytest.raises(CheckpointError, match=r'accept the Some Licence .* checkpoint:=FILE'):
        published_file(gated)


def test_model_without_published_weights_says_so_and_where_its_encoder_is(cache: Path) -> None:
    with pytest.raises(CheckpointError) as error:
        published_file(MODELS['anydepth_vits'])
    for words in (
        "no trained weights of model 'anydepth_vits' are published",
        'checkpoint:=FILE',
        'accept the DINOv3 License at '
        'https://huggingface.co/facebook/dinov3-vits16-pretrain-lvd1689m',
        'weights:=random',
    ):
        assert words in str(error.value)
    assert not list(cache.iterdir())


def test_encoder_comes_from_the_cache_without_a_hub(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = create_model(MODELS['anydepth_vits'])
    wanted = {key: torch.randn_like(value) for key, value in model.pretrained.state_dict().items()}
    path = cache / 'model.safetensors'
    save_file(wanted, path)
    monkeypatch.setattr('huggingface_hub.try_to_load_from_cache', lambda *_, **__: str(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    known = replace(encoder_file(model.spec), sha256=digest)
    monkeypatch.setattr(pretraining, 'encoder_file', lambda _: known)
    with caplog.at_level('INFO'):
        load_encoder_weights(model, 'hub')
    assert 'licence: DINOv3 License' in caplog.text
    for key, value in model.pretrained.state_dict().items():
        assert torch.equal(value, wanted[key])
    path.write_bytes(path.read_bytes()[:-1] + b'!')
    with pytest.raises(CheckpointError, match=f'is damaged: its sha256 .* is {digest}; delete'):
        load_encoder_weights(model, 'hub')


@pytest.mark.parametrize('size', ['vits', 'vitb', 'vitl'])
def test_encoder_is_pinned(size: str) -> None:
    source = encoder_file(MODELS[f'anydepth_{size}'])
    assert (len(source.revision), len(source.sha256)) == (40, 64)


def test_encoder_of_depth_anything_comes_from_its_checkpoint(hub: Path) -> None:
    model = create_model(MODELS['depth_anything_v2_vits_sdt'])
    with pytest.raises(CheckpointError, match=f'{SMALL.weights_file}.* is damaged'):
        load_encoder_weights(model, 'hub')  # the file is there, and holds no weights


@pytest.mark.parametrize(
    ('name', 'source'),
    [('vggt_sdt', 'vggt'), ('depth_anything_3_large_sdt', 'depth_anything_3_large')],
)
def test_encoder_of_another_model_comes_from_the_file_of_that(
    name: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.device('meta'):
        model = create_model(MODELS[name])
    asked: list[str] = []

    def refuse(row: ModelSpec) -> Path:
        asked.append(row.name)
        raise CheckpointError('no network here')

    monkeypatch.setattr(pretraining, 'published_file', refuse)
    with pytest.raises(CheckpointError, match='no network here'):
        load_encoder_weights(model, 'hub')
    assert asked == [source]


def test_encoder_that_is_not_on_the_hub_is_named() -> None:
    model = create_model(MODELS['tiny'])
    with pytest.raises(
        CheckpointError, match="encoder 'efficientnet_lite' .* is not on the hub, by itself or in"
    ):
        load_encoder_weights(model, 'hub')


def test_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'huggingface_hub', None)
    with pytest.raises(CheckpointError, match='needs huggingface_hub; install it'):
        published_file(SMALL)


def test_weights_that_ship_need_no_hub(cache: Path) -> None:
    path = published_file(MODELS['tiny'])
    assert path.name == 'tiny.safetensors'
    assert not list(cache.iterdir())
    assert expected_sha256(MODELS['tiny'], path) == MODELS['tiny'].sha256


def test_weights_lost_from_the_package_are_named() -> None:
    lost = replace(MODELS['tiny'], weights_file='lost.safetensors')
    with pytest.raises(CheckpointError, match=r"lost\.safetensors', which is missing; install"):
        published_file(lost)


@pytest.mark.parametrize(
    ('name', 'is_id'),
    [
        ('Intel/dpt-large', True),
        ('apple/DepthPro-hf', True),
        ('no_owner', False),
        ('./folder', False),
        ('../folder', False),
        ('a/b/c', False),
        ('a/b--c', False),
        ('a/b.git', False),
        ('a b/c', False),
    ],
)
def test_id_of_the_hub_is_what_its_library_takes(name: str, is_id: bool) -> None:
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    assert is_hub_id(name) is is_id
    if is_id:
        validate_repo_id(name)
    elif '/' in name:
        with pytest.raises(HFValidationError):
            validate_repo_id(name)
