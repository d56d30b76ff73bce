"""Matomo from Debian trixie's package, with PHP and MariaDB from this machine's own release."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests_real.harness import Debian, System, answers, free_port, once, run

OWN = ("php-cli", "php-mysql", "php-xml", "php-mbstring", "php-gd", "php-curl", "mariadb-server-core")
EXTENSIONS = (
    "mysqlnd pdo ctype curl dom fileinfo gd iconv mbstring mysqli pdo_mysql posix simplexml sockets tokenizer xml "
    "xmlreader xmlwriter"
)
WRITTEN_IN_PHP = ("php-", "matomo")
CONFIGURATION = """; <?php exit; ?> DO NOT REMOVE THIS LINE
[database]
host = "localhost"
unix_socket = "{socket}"
username = "root"
password = ""
dbname = "matomo"
tables_prefix = "matomo_"
charset = "utf8mb4"
collation = "utf8mb4_general_ci"
[General]
salt = "alleen-voor-proeven-en-nergens-anders"
trusted_hosts[] = "127.0.0.1"
enable_installer = 0
enable_internet_features = 0
noreply_email_address = "hallo@example.nl"
[log]
log_writers[] = "file"
"""
PLACES = """<?php
define('PIWIK_USER_PATH', '{folder}/user');
define('MATOMO_TMP_PATH', '{folder}/tmp');
"""
_FIRST_STEPS = """<?php
require '{folder}/places.php';
require '{app}/vendor_config.php';
require '{app}/core/bootstrap.php';
$database = new mysqli(null, 'root', '', '', 0, '{socket}');
$database->query('CREATE DATABASE matomo CHARACTER SET utf8mb4');
$environment = new \\Piwik\\Application\\Environment('cli');
$environment->init();
\\Piwik\\Access::doAsSuperUser(function () {{
    \\Piwik\\DbHelper::createTables();
    \\Piwik\\DbHelper::createAnonymousUser();
    $plugins = \\Piwik\\Plugin\\Manager::getInstance();
    $plugins->loadActivatedPlugins();
    $plugins->installLoadedPlugins();
    $updater = new \\Piwik\\Updater();
    $updater->updateComponents($updater->getComponentUpdates());
    \\Piwik\\DbHelper::recordInstallVersion();
    $users = new \\Piwik\\Plugins\\UsersManager\\Model();
    $now = \\Piwik\\Date::now()->getDatetime();
    $users->addUser('beheer', password_hash('{password}', PASSWORD_DEFAULT), 'beheer@example.nl', $now);
    $users->setSuperUserAccess('beheer', true);
    $token = $users->generateRandomTokenAuth();
    $users->addTokenAuth('beheer', $token, 'hub', $now, null, false, true);
    \\Piwik\\Plugins\\SitesManager\\API::getInstance()->addSite('Winkel', ['http://winkel.example'], 1);
    file_put_contents('{folder}/token', $token);
}});
"""
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"


class Matomo(System):
    """The statistics of one shop, site 1, without visits yet; `token` may see everything."""

    name = "matomo"
    site = 1
    password = "alleen-voor-proeven"

    def install(self) -> None:
        own, trixie = Debian(), Debian("trixie")
        self.version = trixie.version("matomo")
        programs = own.needed(*OWN)
        metas = {*OWN, "php-intl", "php-common"}
        code = [name for name in trixie.needed("matomo") if name.startswith(WRITTEN_IN_PHP) and name not in metas]

        def unpack(folder: Path) -> None:
            own.unpack(folder, *programs)
            trixie.unpack(folder, *code, "less.php", "libphp-phpmailer")
            for path in folder.rglob("*.php"):  # they name each other by their place on a whole machine
                if path.is_file() and b"'/usr/share/" in (text := path.read_bytes()):
                    path.write_bytes(text.replace(b"'/usr/share/", f"'{folder}/usr/share/".encode()))

        self._root = once(self.folder / "root", f"{self.version} {programs} {code}", unpack)
        self._app = self._root / "usr" / "share" / "matomo"
        self._env = {
            "LD_LIBRARY_PATH": ":".join(str(path) for path in sorted(self._root.glob("usr/lib/*-linux-*"))),
            "PHP_CLI_SERVER_WORKERS": "2",
        }

    def start(self) -> None:
        """Start a database with nothing in it, fill it, and serve."""
        self._run = self.folder / "run"
        shutil.rmtree(self._run, ignore_errors=True)
        for name in ("database", "user/config", "tmp"):
            (self._run / name).mkdir(parents=True)
        self._start_database()
        (self._run / "user" / "config" / "config.ini.php").write_text(CONFIGURATION.format(socket=self._socket))
        (self._run / "places.php").write_text(PLACES.format(folder=self._run))
        first = self._run / "first.php"
        known = {"folder": self._run, "app": self._app, "socket": self._socket, "password": self.password}
        first.write_text(_FIRST_STEPS.format(**known))
        run([*self._php(), first], "the tables of Matomo", env={**os.environ, **self._env})
        self.token = (self._run / "token").read_text()
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        before = f"auto_prepend_file={self._run / 'places.php'}"
        options: list[str | Path] = ["-d", before, "-S", f"127.0.0.1:{port}", "-t", self._app / "public"]
        self.serve("server", [*self._php(), *options], self._env).wait_until(lambda: answers(port))

    def _start_database(self) -> None:
        messages = self._root / "usr" / "share" / "mysql"
        self._socket = self._run / "db.sock"
        options = [
            "--no-defaults",
            f"--basedir={self._root / 'usr'}",
            f"--datadir={self._run / 'database'}",
            f"--lc-messages-dir={messages}",
            f"--character-sets-dir={messages / 'charsets'}",
            f"--user={getpass.getuser()}",
            f"--socket={self._socket}",
            f"--pid-file={self._run / 'db.pid'}",
            "--skip-networking",
            "--skip-grant-tables",
            "--innodb-flush-log-at-trx-commit=0",
        ]
        self.serve("database", [self._root / "usr/sbin/mariadbd", *options], self._env).wait_until(self._socket.exists)

    def _php(self) -> list[str | Path]:
        """Name the PHP program, with the extensions that it finds in the cache."""
        (program,) = (path for path in (self._root / "usr/bin").glob("php[0-9].[0-9]"))
        (extensions,) = (path.parent for path in (self._root / "usr/lib/php").glob("*/mysqlnd.so"))
        lines = [f"include_path=.:{self._root}/usr/share/php", f"extension_dir={extensions}"]
        lines += [f"extension={name}" for name in EXTENSIONS.split()]
        settings = self._run / "php.ini"
        settings.write_text("\n".join([*lines, "zend_extension=opcache", "memory_limit=512M", "date.timezone=UTC"]))
        return [program, "-n", "-c", settings]

    def track(self, visitor: str, user: str = "", **what: str | int | float) -> None:
        """Do something in the shop, as a visitor's browser tells it: `visitor` is 16 hexadecimal digits."""
        said = {"idsite": self.site, "rec": 1, "apiv": 1, "_id": visitor, "cid": visitor, "token_auth": self.token}
        content = urllib.parse.urlencode({**said, **({"uid": user} if user else {}), **what}).encode()
        request = urllib.request.Request(f"{self.url}/matomo.php", content, {"User-Agent": BROWSER})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status in (200, 204)

    def ask(self, method: str, **values: str | int) -> Any:
        """Do what the administrator does."""
        content = urllib.parse.urlencode({"token_auth": self.token, **values}).encode()
        address = f"{self.url}/index.php?module=API&format=JSON&method={method}"
        with urllib.request.urlopen(urllib.request.Request(address, content), timeout=60) as answer:
            said = json.load(answer)
        assert not (isinstance(said, dict) and said.get("result") == "error"), said
        return said
