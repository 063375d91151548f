"""What `maskwatch check` examines of a camera before going live.

stream.py        its stream, watched for two seconds
faces.py         the faces in view, and whether `min_face_px` suits them
sub_streams.py   whether the camera has a smaller stream
camera.py        all of it, and the picture that is written
"""
