"""What pyproject.toml cannot say: that build.py makes the compiled module, with all CPUs. Everything else is there."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext


class BuildWithAllCpus(build_ext):
    """setuptools compiles the files of an extension one by one, and two of ours take as long as all others."""

    def build_extension(self, ext: Any) -> None:
        compile_these = self.compiler.compile

        def compile_at_once(sources: list[str], *args: Any, **kwargs: Any) -> list[str]:
            output_dir = kwargs.get("output_dir") or self.build_temp
            for name in self.compiler.object_filenames(sources, output_dir=output_dir):
                os.makedirs(os.path.dirname(name), exist_ok=True)
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                made = list(pool.map(lambda source: compile_these([source], *args, **kwargs), sources))
            return [name for names in made for name in names]

        self.compiler.compile = compile_at_once
        super().build_extension(ext)


setup(cffi_modules=["build.py:ffibuilder"], cmdclass={"build_ext": BuildWithAllCpus})
