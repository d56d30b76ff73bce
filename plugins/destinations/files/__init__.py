"""What the plugin `files` writes: the changes of an audience as files for another system to pick up."""
