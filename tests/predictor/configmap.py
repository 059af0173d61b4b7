"""A directory as the kubelet mounts a ConfigMap: swapped in its steps, and in its order."""

import itertools
import os
import shutil
from pathlib import Path


class MountedConfigMap:
    """Its files are symlinks to ``..data/NAME``, and ``..data`` to the directory of one update."""

    def __init__(self, path: Path, **files: str | bytes) -> None:
        self.path = path
        self._numbers = itertools.count()
        self.update(**files)

    def update(self, **files: str | bytes) -> None:
        """Swap the files in; ``system_prompt`` stands for system-prompt.txt."""
        older = [path for path in self.path.glob("..2026_*") if path.is_dir()]
        target = self.path / f"..2026_11_21_13_25_{next(self._numbers):09d}"
        target.mkdir()
        contents = {file_name(name): content for name, content in files.items()}
        for name, content in contents.items():
            data = content if isinstance(content, bytes) else content.encode()
            (target / name).write_bytes(data)
        (self.path / "..data_tmp").symlink_to(target.name)
        os.rename(self.path / "..data_tmp", self.path / "..data")
        for name in contents:
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(f"..data/{name}")
        for link in self.path.iterdir():
            if not link.name.startswith("..") and link.name not in contents:
                link.unlink()
        for path in older:
            shutil.rmtree(path)


def file_name(name: str) -> str:
    return f"{name.replace('_', '-')}.txt" if "_" in name else f"{name}.json"
