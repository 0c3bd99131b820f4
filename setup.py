"""What pyproject.toml cannot say: that build.py makes the compiled module. Everything else is in pyproject.toml."""

from setuptools import setup

setup(cffi_modules=["build.py:ffibuilder"])
