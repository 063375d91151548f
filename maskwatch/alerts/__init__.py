"""Ways to tell people: each module in `kinds/` is one.

To add a kind, write such a module, with `Settings` and `build` (see `maskwatch.plugins`); nothing else names it.
From another package, an entry point of the group `maskwatch.alerts` names the module.

registry.py   the kinds by their names
picture.py    an alert's frame as a JPEG
message.py    an alert as JSON
speech.py     sentences as sound files, for the kinds that speak; speak.py is its child process
backchannel.py  a camera's loudspeaker, of `kinds/camera_speaker.py`; below it rtsp_connection.py, rtsp_login.py, sdp.py, g711.py
outbox.py     a queue on disk, of `kinds/webhook.py` and `kinds/notify.py`; its settings: outbox_settings.py
discovery.py  MQTT topics and what Home Assistant is told; the connection: mqtt_connection.py
"""
