"""An ActiveMQ Classic broker: how it is asked, what its figures mean, what is done to its queues."""
