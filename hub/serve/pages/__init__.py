"""The pages behind the links in messages. A GET shows, a POST does: programs that follow links change nothing."""
