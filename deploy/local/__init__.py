"""An emulated ROS endpoint on 127.0.0.1, so that a stack can be made, used and deleted without a cloud.

    server ─▶ wire, signature ─▶ api (action, version, parameters → reply) ─▶ engine ─▶ resources ─▶ instances
                                  └▶ template, parameters, evaluation, functions (pure)   └▶ store (SQLite, sealed)

`python -m deploy.local serve --state DIR` is the process. It speaks ROS 2019-09-10 over HTTP, checks the
ACS3-HMAC-SHA256 signature, and keeps everything below DIR. Networks are records; an instance is a private folder on
this machine in which RunCommand's content really runs. The package imports nothing else of `deploy` and no SDK.
"""
