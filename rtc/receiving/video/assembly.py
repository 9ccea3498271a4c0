"""Puts frames together from packets that arrive in any order."""

from dataclasses import replace

from rtc.receiving.video.packet import CodedFrame, VideoPacket


class Assembly:
    """Holds packets from `next` on, which is the first that is not done with.

    A frame is complete from its first packet, which says so or follows another frame, to its last,
    which has the marker bit or precedes another frame.
    """

    def __init__(self) -> None:
        self.next: int | None = None
        self.size = 0  # bytes that are held
        self._hole = 0  # no number from `next` to this one is missing
        self._passed = False  # whether anything is done with
        self._before: VideoPacket | None = None  # the last packet that is done with, if it came
        self._packets: dict[int, VideoPacket] = {}
        self._complete: dict[int, CodedFrame] = {}  # by their first packets

    def __len__(self) -> int:
        return len(self._packets)

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._packets

    def add(self, packet: VideoPacket) -> bool:
        """Hold `packet`; return whether it is new and not too late."""
        sequence = packet.sequence
        if self.next is None or (not self._passed and sequence <= self.next):
            self.next = sequence if packet.is_padding or self._opens(packet) else sequence - 1
            self._hole = self.next
        if sequence < self.next or sequence in self._packets:
            return False
        self._packets[sequence] = packet
        self.size += len(packet.data)
        self._complete_at(sequence)
        for neighbour in (sequence - 1, sequence + 1):
            if neighbour in self._packets and not self._belong(sequence, neighbour):
                self._complete_at(neighbour)
        return True

    @property
    def has_complete(self) -> bool:
        return bool(self._complete)

    def head(self) -> CodedFrame | None:
        """Return the next frame, if it is complete and nothing is missing before it."""
        while self.next in self._packets and self._packets[self.next].is_padding:
            self.pass_to(self.next + 1)
        return self._complete.get(self.next) if self.next is not None else None

    def complete(self) -> list[CodedFrame]:
        """Return all complete frames in order."""
        return [self._complete[first] for first in sorted(self._complete)]

    def hole(self) -> int | None:
        """Return the first number from `next` on of which there is no packet, None at first."""
        if self.next is not None:
            self._hole = max(self._hole, self.next)
            while self._hole in self._packets:
                self._hole += 1
        return None if self.next is None else self._hole

    def first_after(self, hole: int) -> int | None:
        """Return the number of the first packet that is held after `hole`."""
        return min((each for each in self._packets if each > hole), default=None)

    def has_orphan(self) -> bool:
        """Return whether the next packet is of a frame whose first packet will not come."""
        if not self._passed or self.next not in self._packets or self.next in self._complete:
            return False
        return not self._starts(self.next)

    def pass_to(self, sequence: int) -> None:
        """Be done with everything before `sequence`."""
        assert self.next is not None, "a packet was added before"
        assert self.next < sequence, "time does not go back"
        self._before, self._passed = self._packets.get(sequence - 1), True
        many = sequence - self.next > len(self._packets)
        for each in list(self._packets) if many else range(self.next, sequence):
            if each < sequence and each in self._packets:
                self.size -= len(self._packets.pop(each).data)
                self._complete.pop(each, None)
        self.next = sequence

    @staticmethod
    def _opens(packet: VideoPacket) -> bool:
        """Return whether a stream can be taken to begin here."""
        return bool(packet.starts) or (packet.starts is None and packet.info.keyframe)

    def _belong(self, sequence: int, other: int) -> bool:
        """Return whether two packets that are held belong to one frame."""
        one, two = self._packets[sequence], self._packets[other]
        return one.timestamp == two.timestamp and not (one.is_padding or two.is_padding)

    def _complete_at(self, sequence: int) -> None:
        """Complete the frame that the packet with this number belongs to, if all of it is there."""
        if self._packets[sequence].is_padding:
            return
        first = last = sequence
        while last + 1 in self._packets and self._continues(last):
            last += 1
        if not self._ends(last):
            return
        while first - 1 in self._packets and self._continues(first - 1):
            first -= 1
        if self._starts(first):
            for part in range(first, last + 1):  # a frame that seemed to start later
                self._complete.pop(part, None)
            self._complete[first] = self._join(first, last)

    def _continues(self, sequence: int) -> bool:
        """Return whether the packet after `sequence` belongs to the same frame; both are held."""
        return self._belong(sequence, sequence + 1) and not self._packets[sequence].ends

    def _starts(self, sequence: int) -> bool:
        """Return whether a frame starts here; the packet before belongs to another, or is lost."""
        starts = self._packets[sequence].starts
        if starts is not None:
            return starts
        if sequence != self.next:
            return sequence - 1 in self._packets
        before, packet = self._before, self._packets[sequence]
        if before is None:
            return not self._passed and self._opens(packet)
        return before.ends or before.is_padding or before.timestamp != packet.timestamp

    def _ends(self, sequence: int) -> bool:
        after = self._packets.get(sequence + 1)
        return self._packets[sequence].ends or (after is not None and not after.is_padding)

    def _join(self, first: int, last: int) -> CodedFrame:
        packets = [self._packets[sequence] for sequence in range(first, last + 1)]
        shown = [packet.info for packet in packets if packet.shows] or [packets[0].info]
        turns = (packet.orientation for packet in packets if packet.orientation is not None)
        return CodedFrame(
            first=first,
            last=last,
            timestamp=packets[0].timestamp,
            data=b"".join(packet.data for packet in packets),
            info=replace(
                next((info for info in shown if info.number is not None), shown[0]),
                keyframe=any(info.keyframe for info in shown),
                discardable=all(info.discardable for info in shown),
            ),
            shows=any(packet.shows for packet in packets),
            malformed=any(packet.malformed for packet in packets),
            orientation=next(turns, None),
        )
