"""What the plugin `rest` sends: rows and e-mails, to any JSON API, described in YAML."""
