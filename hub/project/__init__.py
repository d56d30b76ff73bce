"""A hub project: a folder of YAML."""

from hub.project.project import Connection, MappedTable, Project

__all__ = ["Connection", "MappedTable", "Project"]
