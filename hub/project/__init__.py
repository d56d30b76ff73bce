"""A hub project: a folder of YAML."""

from hub.project.load import Reading, load_project, read_project
from hub.project.project import Connection, MappedTable, Origin, Project

__all__ = ["Connection", "MappedTable", "Origin", "Project", "Reading", "load_project", "read_project"]
