"""What lies in deploy/ is what its own readers take, as far as that can be known without a cluster."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"


def test_rays_cluster_launcher_takes_the_cluster_file():
    util = pytest.importorskip("ray.autoscaler._private.util", reason="Ray is not installed")
    config = util.prepare_config(yaml.safe_load((DEPLOY / "ray-cluster.yaml").read_text()))
    util.validate_config(config)  # against the schema that `ray up` has
    assert config["max_workers"] == len(config["provider"]["worker_ips"])
    # It tells its makers nothing, on any machine.
    commands = config["head_start_ray_commands"] + config["worker_start_ray_commands"]
    assert all("RAY_USAGE_STATS_ENABLED=0" in command for command in commands if "ray start" in command)


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.ray"])
def test_an_image_copies_what_there_is_and_installs_what_is_pinned(name):
    text = (DEPLOY / name).read_text()
    for word in re.findall(r"requirements/\w+\.txt", text):
        assert (ROOT / word).is_file()
    installs = [line for line in text.splitlines() if "pip install" in line and "-r " in line]
    assert installs
    assert all("--require-hashes" in line for line in installs)
