import java.util.ArrayList;
import java.util.List;

/** Fills its old generation to a known share, then waits for words: `gc` collects, `fill` keeps 8 MiB more, the end of input ends it. */
public class Churn {
    static final List<byte[]> kept = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        for (int word; (word = System.in.read()) >= 0; ) {
            if (word == 'f') {
                for (int i = 0; i < 64; i++) kept.add(new byte[128 << 10]);
            } else if (word == 'g') {
                System.gc();
            } else {
                continue;
            }
            System.out.println("done");
        }
    }
}
