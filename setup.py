"""Puts the baselines and search spaces, which lie beside the package in the checkout, into a built package."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class WithShipped(build_py):
    """An editable installation finds them in the checkout."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for kind in ("baselines", "search_spaces"):
                self.copy_tree(kind, str(Path(self.build_lib) / "raytrain" / kind))


setup(cmdclass={"build_py": WithShipped})
