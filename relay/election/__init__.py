"""Which of several relays sends: a session with ZooKeeper, a candidate for each sender, a fence on the shared storage."""
