"""A hub project: a folder of YAML."""

from hub.project.load import load_project
from hub.project.project import Connection, MappedTable, Origin, Project

__all__ = ["Connection", "MappedTable", "Origin", "Project", "load_project"]
