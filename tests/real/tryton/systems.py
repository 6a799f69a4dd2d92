"""The two systems as people use them: Tryton by the JSON-RPC of its desktop client, Mailman by its REST interface."""

import base64
import json
import urllib.error
import urllib.parse
import urllib.request


def send(url, headers, body, method):
    """Returns the status and the body."""
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


class Refused(Exception):
    """What Tryton says instead of a result: the name of the error, and its words."""


class Tryton:
    """A clerk's session."""

    FIELDS = ["name", "active", "email", "contact_mechanisms", "categories", "_timestamp"]

    def __init__(self, url):
        self.url = f"{url}/crm/rpc/"
        self.headers = {"Content-Type": "application/json"}
        user, token, *_ = self.call("common.db.login", "admin", {"password": "clerk"}, "en")
        session = base64.b64encode(f"admin:{user}:{token}".encode()).decode()
        self.headers["Authorization"] = f"Session {session}"
        self.user = user

    def call(self, method, *parameters):
        body = json.dumps({"id": 1, "method": method, "params": list(parameters)}).encode()
        # Under load SQLite is busy now and then; the desktop client asks again, too.
        for _ in range(20):
            status, answer = send(self.url, self.headers, body, "POST")
            if status != 503:
                break
        if status != 200:
            raise Refused(f"HTTP {status}: {answer[:200]!r}")
        answer = json.loads(answer)
        if isinstance(answer, dict) and answer.get("error"):
            raise Refused(answer["error"])
        return answer["result"] if isinstance(answer, dict) else answer

    def key(self):
        """A key for the REST interface, as a user grants it in the preferences."""
        (made,) = self.call("model.res.user.application.create", [{"user": self.user, "application": "rest"}], {})
        (application,) = self.call("model.res.user.application.read", [made], ["key", "state"], {})
        if application["state"] != "validated":
            self.call("model.res.user.application.validate_", [made], {})
        return application["key"]

    def category(self, name):
        (made,) = self.call("model.party.category.create", [{"name": name}], {})
        return made

    def parties(self, domain=()):
        found = self.call("model.party.party.search_read", list(domain), 0, None, [["id", "ASC"]], self.FIELDS, {})
        return [party for party in found if party["active"]]

    def find(self, email):
        found = self.parties([["contact_mechanisms.value", "ilike", email]])
        if len(found) != 1:
            raise LookupError(f"{len(found)} parties have the address {email}")
        return found[0]

    def add(self, people):
        """People as pairs of address and name; one batch, as of an import."""
        rows = [{"name": name, "contact_mechanisms": self.address_command(email)} for email, name in people]
        return self.call("model.party.party.create", rows, {})

    @staticmethod
    def address_command(email):
        return [["create", [{"type": "email", "value": email}]]] if email else []

    def write(self, party, values, stamp=None):
        context = {"_timestamp": {f"party.party,{party['id']}": stamp}} if stamp else {}
        self.call("model.party.party.write", [party["id"]], values, context)

    def readdress(self, party, email):
        """Edits the address in a window of its own: the party's own time stays as it was."""
        self.call("model.party.contact_mechanism.write", [party["contact_mechanisms"][0]], {"value": email}, {})

    def delete(self, party):
        self.call("model.party.party.delete", [party["id"]], {})


class Mailman:
    """The list's owner."""

    def __init__(self, url, name="news.lists.example.com"):
        self.url, self.name = f"{url}/3.1", name
        token = base64.b64encode(b"restadmin:restpass").decode()
        self.headers = {"Authorization": f"Basic {token}", "Content-Type": "application/x-www-form-urlencoded"}

    def ask(self, method, path, form=None):
        body = urllib.parse.urlencode(form).encode() if form else None
        status, answer = send(self.url + path, self.headers, body, method)
        if status >= 300:
            raise Refused(f"{method} {path}: HTTP {status}: {answer[:200]!r}")
        return json.loads(answer) if answer.strip() else None

    def make(self):
        self.ask("POST", "/domains", {"mail_host": self.name.split(".", 1)[1]})
        address = self.name.replace(".", "@", 1)
        self.ask("POST", "/lists", {"fqdn_listname": address, "style_name": "legacy-announce"})

    def members(self):
        """Names by address."""
        found = self.ask("GET", f"/lists/{self.name}/roster/member?count=5000&page=1")
        return {entry["email"]: entry["display_name"] for entry in found.get("entries", [])}

    def subscribe(self, email, name):
        settled = dict.fromkeys(("pre_verified", "pre_confirmed", "pre_approved"), "true")
        self.ask("POST", "/members", {
            "list_id": self.name, "subscriber": email, "display_name": name, **settled, "send_welcome_message": "false",
        })

    def rename(self, email, name):
        self.ask("PATCH", f"/addresses/{urllib.parse.quote(email)}", {"display_name": name})

    def unsubscribe(self, email):
        self.ask("DELETE", f"/lists/{self.name}/member/{urllib.parse.quote(email)}")
