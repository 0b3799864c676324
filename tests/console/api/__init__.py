"""Tests of the API that others build on."""
