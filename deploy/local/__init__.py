"""An emulated ROS endpoint on 127.0.0.1, so that a stack can be made, changed, used and deleted without a cloud.

    server ─▶ wire, signature ─▶ api ─▶ actions (parameters in, fields of the reply out)
                                          │
              engine (what may begin) ─▶ operations (one thread each) ─▶ creation, update, removal
                                          │                                └▶ schedule, making (one resource)
              store (SQLite, sealed)      └▶ resources (types) ─▶ instances, commands, signals
    pure: template, parameters, rules, evaluation, functions, comparison, changes, constraints, offers
    faults: what goes wrong by script, asked at each of these places

`python -m deploy.local serve --state DIR` is the process. It speaks ROS 2019-09-10 and a part of ECS 2014-05-26 over
HTTP, checks the ACS3-HMAC-SHA256 signature, and keeps everything below DIR. Networks are records; an instance is a
private folder on this machine in which commands really run. The package imports nothing else of `deploy` and no SDK.
docs/local-target.md tells users what it knows.
"""
