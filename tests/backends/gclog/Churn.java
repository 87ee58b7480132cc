import java.util.ArrayList;
import java.util.List;

/** Says `done`, then obeys a letter at a time and says it again: g collects, f keeps 4 MiB more, h keeps 3 MiB in one piece, y makes 24 MiB of garbage.
 *  The end of input ends it. */
public class Churn {
    private static final int PIECE = 2 << 10;  // small, so that a collector that moves objects leaves no holes
    static final List<byte[]> kept = new ArrayList<>(1 << 16);
    static volatile byte[] garbage;

    public static void main(String[] arguments) throws Exception {
        System.out.println("done");
        for (int word; (word = System.in.read()) >= 0; ) {
            switch (word) {
                case 'g' -> System.gc();
                case 'f' -> keep(4 << 20);
                case 'h' -> kept.add(new byte[3 << 20]);
                case 'y' -> waste(24 << 20);
                default -> { continue; }
            }
            System.out.println("done");
        }
    }

    private static void keep(int bytes) {
        for (int i = 0; i < bytes; i += PIECE) kept.add(new byte[PIECE - 16]);
    }

    private static void waste(int bytes) {
        for (int i = 0; i < bytes; i += PIECE) garbage = new byte[PIECE - 16];
    }
}
